% The same workloads on BEAM, one scheduler: `erl +S 1:1 -noshell -run bench main WORKLOAD COUNT`.
% Prints one line of JSON.
-module(bench).
-export([main/1]).

-define(WINDOW, 512).
-define(RECEIVERS, 10000).

main([Name, Text]) ->
    Count = list_to_integer(Text),
    Workload = list_to_atom(Name),
    workload(Workload, (Count + 4) div 5),
    io:format("~s~n", [workload(Workload, Count)]),
    halt().

workload('ping-pong', Count) -> rate(Count, fun() -> ping_pong(Count) end);
workload('one-to-one', Count) -> rate(Count, fun() -> one_to_one(Count) end);
workload('fan-out', Count) ->
    Receivers = [spawn(fun() -> receiver(Count div ?RECEIVERS) end) || _ <- lists:seq(1, ?RECEIVERS)],
    rate(Count, fun() -> fan_out(Receivers, Count div ?RECEIVERS) end);
workload(spawn, Count) -> spawn_all(Count);
workload(ask, Count) -> ask_all(Count).

rate(Count, Work) ->
    Began = erlang:monotonic_time(nanosecond),
    Work(),
    Ended = erlang:monotonic_time(nanosecond),
    io_lib:format("{\"perSecond\":~w}", [Count * 1000000000 div (Ended - Began)]).

ping_pong(Count) ->
    Self = self(),
    First = spawn(fun() -> player(Self, 0) end),
    Second = spawn(fun() -> player(Self, 0) end),
    First ! {ball, Second, Count - 1},
    Handled = receive {over, Last} -> Last + case Count rem 2 of 0 -> Count div 2; 1 -> Count div 2 end end,
    Handled >= Count orelse error(lost),
    exit(First, kill),
    exit(Second, kill).

player(Owner, Handled) ->
    receive
        {ball, _, 0} -> Owner ! {over, Handled + 1};
        {ball, Other, Left} ->
            Other ! {ball, self(), Left - 1},
            player(Owner, Handled + 1)
    end.

one_to_one(Count) ->
    Self = self(),
    Consumer = spawn(fun() -> consumer(Self, 0, Count) end),
    spawn(fun() -> producer(Consumer, Count) end),
    receive {over, Count} -> ok end.

producer(Consumer, Left) ->
    produce(Consumer, min(Left, ?WINDOW)),
    case Left > ?WINDOW of
        true -> receive {more, Next} -> producer(Consumer, Next) end;
        false -> ok
    end.

produce(_, 0) -> ok;
produce(Consumer, At) ->
    Consumer ! {item, At, self()},
    produce(Consumer, At - 1).

consumer(Owner, Count, Count) -> Owner ! {over, Count};
consumer(Owner, Handled, Count) ->
    receive
        {item, _, From} ->
            Now = Handled + 1,
            case Now rem ?WINDOW of
                0 -> From ! {more, Count - Now};
                _ -> ok
            end,
            consumer(Owner, Now, Count)
    end.

% Each receiver counts, and says once that it has had them all: what the clock waits for.
fan_out(Receivers, Rounds) ->
    Self = self(),
    lists:foreach(
        fun(Round) ->
            News = {item, Round, Self},
            lists:foreach(fun(Receiver) -> Receiver ! News end, Receivers)
        end,
        lists:seq(1, Rounds)),
    [receive had_all -> ok end || _ <- Receivers].

receiver(1) -> receive {item, _, Owner} -> Owner ! had_all end;
receiver(Left) -> receive {item, _, _} -> receiver(Left - 1) end.

spawn_all(Count) ->
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Began = erlang:monotonic_time(nanosecond),
    Self = self(),
    Actors = spawn_each(Count, Self, []),
    [receive handled -> ok end || _ <- Actors],
    Ended = erlang:monotonic_time(nanosecond),
    erlang:garbage_collect(),
    Bytes = (erlang:memory(processes) - Before) / Count,
    [exit(Actor, kill) || Actor <- Actors],
    io_lib:format("{\"perSecond\":~w,\"bytes\":~.1f}", [Count * 1000000000 div (Ended - Began), Bytes]).

spawn_each(0, _, Actors) -> Actors;
spawn_each(Left, Owner, Actors) ->
    Actor = spawn(fun() -> idle(Owner, 0) end),
    Actor ! {first, Left},
    spawn_each(Left - 1, Owner, [Actor | Actors]).

idle(Owner, Seen) ->
    receive
        {first, _} ->
            Owner ! handled,
            idle(Owner, Seen + 1)
    end.

ask_all(Count) ->
    Actor = spawn(fun answer/0),
    Times = lists:sort(ask_each(Actor, 0, Count, erlang:monotonic_time(nanosecond), [])),
    exit(Actor, kill),
    Sorted = list_to_tuple(Times),
    io_lib:format("{\"p50\":~.3f,\"p99\":~.3f}", [
        element(1 + Count div 2, Sorted) / 1000, element(1 + Count * 99 div 100, Sorted) / 1000]).

ask_each(_, Count, Count, _, Times) -> Times;
ask_each(Actor, Value, Count, Began, Times) ->
    Ref = make_ref(),
    Actor ! {ask, self(), Ref, Value},
    receive
        {Ref, Answer} when Answer =:= Value + 1 -> ok
    after 30000 -> error(timeout)
    end,
    Ended = erlang:monotonic_time(nanosecond),
    ask_each(Actor, Value + 1, Count, Ended, [Ended - Began | Times]).

answer() ->
    receive
        {ask, From, Ref, Value} ->
            From ! {Ref, Value + 1},
            answer()
    end.
