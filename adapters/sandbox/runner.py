# What runs in the sandbox beside a module of the operator's, or before a script of a skill: it sets the last limits,
# reads one request as JSON from its standard input, and says what came of it in one line of JSON. A module may spoil
# everything around it, and spoils only its own call: what comes out is data to the host, whoever has written it.
#
# {"do": "describe"} gives the tools of a module, {"do": "call"} what one of them returns or which tools it waits for,
# {"do": "script"} becomes a script of a skill.

import asyncio
import base64
import collections.abc
import datetime
import inspect
import json
import os
import random
import re
import resource
import sys
import time
import types
import typing

MIB = 1024 * 1024


def main():
    request = json.loads(sys.stdin.buffer.read())
    # What is printed, by whomever, is for the log; the answer has a descriptor of its own.
    answer = os.dup(1)
    os.dup2(2, 1)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    close_others(answer)
    bound(request["limits"])
    if request["do"] == "script":
        become_script(request, answer)
    del sys.argv[1:]
    say = speaker(answer, request["limits"])
    try:
        work = {"describe": describe, "call": call}[request["do"]]
        say(work(request, say))
    except Unfit as error:
        say({"type": "failed", "message": str(error), **error.place})
    except MemoryError:
        say({"type": "memory"})
    except BaseException as error:
        say(told(error, request))


class Unfit(Exception):
    """A module that is no tool; with a line where it is known."""

    def __init__(self, message, **place):
        super().__init__(message)
        self.place = place


def close_others(answer):
    os.closerange(3, answer)
    os.closerange(answer + 1, 1024)


def bound(limits):
    def limit(which, most):
        resource.setrlimit(which, (most, most))

    limit(resource.RLIMIT_AS, limits["memory_mib"] * MIB)
    limit(resource.RLIMIT_CPU, limits["cpu_seconds"])
    limit(resource.RLIMIT_FSIZE, limits["file_mib"] * MIB)
    limit(resource.RLIMIT_NOFILE, limits["files"])
    limit(resource.RLIMIT_NPROC, limits["processes"])
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_MEMLOCK, 0)
    limit(resource.RLIMIT_MSGQUEUE, 0)


def speaker(answer, limits):
    def say(what):
        text = json.dumps(what, allow_nan=False, separators=(",", ":"))
        data = text.encode() + b"\n"
        while data:
            data = data[os.write(answer, data) :]
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                pass
        # Nothing that the module has left behind is waited for.
        os._exit(0)

    return say


def told(error, request):
    """What was thrown, with the line of the module that it came through last; nothing of other files."""
    clip = request["limits"]["error_chars"]
    try:
        message = str(error)[:clip]
    except BaseException:
        message = ""
    said = {"type": "failed", "name": type(error).__name__[:100], "message": message}
    file = request["file"]
    if isinstance(error, SyntaxError) and error.filename == file:
        said["message"] = str(error.msg)[:clip]
        said["line"] = error.lineno
        said["column"] = error.offset
        return said
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            said["line"] = trace.tb_lineno
        trace = trace.tb_next
    return said


# The module.


def load(request):
    fix_time_and_dice(request["now_ms"] / 1000, request["seed"])
    file = request["file"]
    # A name that no library has.
    module = types.ModuleType("custom." + file.rsplit(".", 1)[0])
    module.__file__ = file
    sys.modules[module.__name__] = module
    sys.path[:] = [path for path in sys.path if path not in ("", "/tmp")]
    exec(compile(request["code"], file, "exec", dont_inherit=True), module.__dict__)
    return module


def fix_time_and_dice(now, seed):
    """A module that waits for tools is run anew: it finds the same time and the same random numbers."""
    random.seed(seed)
    time.time = lambda: now
    time.time_ns = lambda: int(now * 1000) * 1_000_000
    for name in ("localtime", "gmtime", "ctime"):
        real = getattr(time, name)
        setattr(time, name, lambda seconds=None, real=real: real(now if seconds is None else seconds))

    class Same(type):
        def __instancecheck__(cls, one):
            return isinstance(one, cls.__mro__[1])

    RealDatetime, RealDate = datetime.datetime, datetime.date

    class FixedDatetime(RealDatetime, metaclass=Same):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(now, tz)

        @classmethod
        def utcnow(cls):
            return cls.fromtimestamp(now, datetime.timezone.utc).replace(tzinfo=None)

        @classmethod
        def today(cls):
            return cls.now()

    class FixedDate(RealDate, metaclass=Same):
        @classmethod
        def today(cls):
            return cls.fromtimestamp(now)

    for fixed, name in ((FixedDatetime, "datetime"), (FixedDate, "date")):
        fixed.__name__ = fixed.__qualname__ = name
        setattr(datetime, name, fixed)


# One call.


class ToolError(Exception):
    """What a tool failed with."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Tools:
    """The tools that the module was granted: `tools.NAME(argument=...)` or `tools.call(name, {...})`."""

    def __init__(self, request, say):
        self._request = request
        self._say = say
        self._made = 0

    def call(self, name, arguments=None, **more):
        return self.all((name, {**(arguments or {}), **more}))[0]

    def all(self, *calls):
        """Calls side by side: each a name and arguments. The first that failed is raised."""
        limits = self._request["limits"]
        answers, wanted, values, failure = self._request["answers"], [], [], None
        for name, arguments in calls:
            if name not in self._request["tools"]:
                raise ToolError("FORBIDDEN", f"The tool {str(name)[:100]} is not granted to this script.")
            text = json.dumps(arguments, allow_nan=False, separators=(",", ":"))
            if len(text) > limits["call_chars"]:
                raise ToolError(
                    "INVALID",
                    f"The arguments of {name} have {len(text)} characters; at most {limits['call_chars']}.",
                )
            if self._made >= limits["calls"]:
                raise ToolError("INVALID", f"A script makes at most {limits['calls']} calls.")
            at = self._made
            self._made += 1
            if at >= len(answers):
                wanted.append({"name": name, "arguments": text})
                continue
            answer = answers[at]
            if answer["name"] != name or answer["arguments"] != text:
                self._say(
                    {
                        "type": "failed",
                        "message": f"Call {at + 1} is another one than when it was made: the script has changed.",
                    }
                )
            if answer.get("error") is not None and failure is None:
                failure = ToolError(answer["error"]["code"], answer["error"]["message"])
            values.append(answer["value"])
        if wanted:
            self._say({"type": "calls", "calls": wanted})
        if failure is not None:
            raise failure
        return values

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda arguments=None, **more: self.call(name, arguments, **more)


def call(request, say):
    module = load(request)
    module.ToolError = ToolError
    name = request["entry"] or "run"
    function = getattr(module, name, None)
    if not callable(function):
        raise Unfit(f"There is no function {name} any more.")
    tools, arguments = Tools(request, say), request["args"]
    if takes_object(function, terms_of(module)):
        given = [arguments, tools][: len(inspect.signature(function).parameters)]
        value = function(*given)
    else:
        named = {**arguments}
        if "tools" in inspect.signature(function).parameters:
            named["tools"] = tools
        value = function(**named)
    if inspect.isawaitable(value):
        value = asyncio.run(_awaited(value))
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    most = request["limits"]["result_chars"]
    if len(text) > most:
        raise Unfit(f"The result has {len(text)} characters as JSON; at most {most}.")
    return {"type": "done", "value": value}


async def _awaited(value):
    return await value


# What a module says of itself.


def terms_of(module):
    terms = getattr(module, "TOOL", {})
    if not isinstance(terms, dict):
        raise Unfit("TOOL is a dict: description, parameters, permissions.")
    other = set(terms) - {"description", "parameters", "permissions"}
    if other:
        raise Unfit(f"TOOL has no {sorted(map(str, other))[0][:100]}: it has description, parameters, permissions.")
    return terms


def takes_object(function, terms):
    """`run(arguments, tools)`, whose parameters TOOL says; else each argument is a parameter of the function."""
    return "parameters" in terms


def describe(request, say):
    module = load(request)
    terms = terms_of(module)
    if callable(getattr(module, "run", None)):
        return {"type": "tools", "tools": [described(None, module.run, terms)]}
    if "parameters" in terms or "description" in terms:
        raise Unfit("It has no function run, which TOOL describes.")
    own = [
        one
        for name, one in vars(module).items()
        if inspect.isfunction(one)
        and one.__module__ == module.__name__
        and not name.startswith("_")
        and one.__name__ == name
        and inspect.getdoc(one)
    ]
    if not own:
        raise Unfit("It has neither a function run nor functions with type hints and a docstring.")
    return {"type": "tools", "tools": [described(one.__name__, one, terms) for one in own]}


def described(name, function, terms):
    text, said = docstring(inspect.getdoc(function) or "")
    description = terms.get("description", text)
    parameters = terms.get("parameters")
    if parameters is None:
        parameters = schema_of(function, said)
    return {
        "name": name,
        "description": description,
        "parameters": parameters,
        "permissions": terms.get("permissions", []),
    }


SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Return|Raises|Yields|Examples?|Notes?):\s*$")


def docstring(text):
    """What comes before the first section, and what `Args:` or `:param x:` say of parameters."""
    description, said, section, last = [], {}, None, None
    for line in text.splitlines():
        field = re.match(r"^:param\s+(?:[^:]*\s)?(\w+):\s*(.*)$", line.strip())
        if field:
            section, last = "field", field[1]
            said[last] = field[2]
        elif re.match(r"^:(returns?|raises?|rtype|type)\b", line.strip()):
            section, last = "other", None
        elif SECTION.match(line):
            section, last = SECTION.match(line)[1], None
        elif section is None:
            description.append(line)
        elif section in ("Args", "Arguments", "Parameters"):
            one = re.match(r"^\s+(\w+)\s*(?:\([^)]*\))?:\s*(.*)$", line)
            if one:
                last = one[1]
                said[last] = one[2]
            elif last and line.strip():
                said[last] += " " + line.strip()
        elif section == "field" and last and line.strip():
            said[last] += " " + line.strip()
    return "\n".join(description).strip(), said


def schema_of(function, said):
    at = {"line": function.__code__.co_firstlineno}
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise Unfit(f"The type hints of {function.__name__} cannot be read: {str(error)[:200]}.", **at)
    properties, required = {}, []
    for name, one in inspect.signature(function).parameters.items():
        if name == "tools":
            continue
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
            raise Unfit(f"{function.__name__}: *, ** and positional parameters have no name in a schema.", **at)
        if name not in hints:
            raise Unfit(f"The parameter {name} of {function.__name__} has no type hint.", **at)
        schema = schema_of_type(hints[name], f"{function.__name__}({name})", at)
        if name in said:
            schema = {**schema, "description": said[name].strip()}
        if one.default is one.empty:
            required.append(name)
        elif is_plain(one.default):
            schema = {**schema, "default": one.default}
        properties[name] = schema
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def is_plain(value):
    try:
        json.dumps(value, allow_nan=False)
        return value is not None
    except Exception:
        return False


PLAIN = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    list: {"type": "array"},
    dict: {"type": "object"},
    typing.Any: {},
    object: {},
}
UNIONS = {typing.Union, getattr(types, "UnionType", typing.Union)}


def schema_of_type(hint, where, at):
    origin, of = typing.get_origin(hint), typing.get_args(hint)
    inner = lambda one: schema_of_type(one, where, at)
    if origin is typing.Annotated:
        texts = [one for one in of[1:] if isinstance(one, str)]
        return {**inner(of[0]), **({"description": texts[0]} if texts else {})}
    if origin is None and isinstance(hint, type):
        if typing.is_typeddict(hint) if hasattr(typing, "is_typeddict") else hasattr(hint, "__total__"):
            fields = typing.get_type_hints(hint)
            return {
                "type": "object",
                "properties": {name: inner(one) for name, one in fields.items()},
                "required": sorted(hint.__required_keys__),
                "additionalProperties": False,
            }
    if hint in (typing.List, typing.Dict):
        hint = list if hint is typing.List else dict
    if origin in UNIONS:
        return {"anyOf": [inner(one) for one in of]}
    if origin is typing.Literal:
        return {"enum": list(of)}
    if origin in (list, collections.abc.Sequence):
        return {"type": "array", "items": inner(of[0])}
    if origin is dict:
        if of[0] is not str:
            raise Unfit(f"{where}: keys of a dict are str, as those of JSON are.", **at)
        return {"type": "object", "additionalProperties": inner(of[1])}
    try:
        if hint in PLAIN:
            return PLAIN[hint]
    except TypeError:
        pass
    raise Unfit(
        f"{where}: the type {str(hint)[:100]} has no schema here; use str, int, float, bool, list, dict, Optional, "
        "Union, Literal, TypedDict, or say `parameters` in TOOL.",
        **at,
    )


# A script of a skill.


def become_script(request, answer):
    for file in request["files"]:
        path = os.path.join("/skill", file["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(base64.b64decode(file["base64"]))
        os.chmod(path, 0o555)
    given = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(given, request["input"].encode())
    os.lseek(given, 0, os.SEEK_SET)
    os.dup2(given, 0)
    os.close(given)
    os.dup2(answer, 1)
    os.close(answer)
    os.chdir("/skill")
    path = os.path.join("/skill", request["path"])
    shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
    command = [{"python": sys.executable, "shell": shell}[request["runner"]], path, *request["arguments"]]
    os.execv(command[0], command)


main()
