// The metrics of model providers.

import type { ProviderFigures } from "../llm/provider-figures.ts";
import { type Family, family, type Sample } from "./family.ts";

/** All of them. */
export function providerFamilies(): readonly Family[] {
  const perProvider = (
    type: "gauge" | "counter",
    name: string,
    help: string,
    of: (one: ProviderFigures) => number,
  ): Family =>
    family(type, name, help, ["provider"], ({ providers }) =>
      providers.map((one): Sample => [[one.name], of(one)]),
    );
  return [
    family(
      "counter",
      "troupe_model_answers_reused_total",
      "Calls of models that were not made: answered from the cache, or by an equal call under way.",
      ["how"],
      ({ reused }) => Object.entries(reused).map(([how, count]): Sample => [[how], count]),
    ),
    family(
      "counter",
      "troupe_provider_calls_total",
      "Calls of model providers and what came of them, each attempt for itself.",
      ["provider", "outcome"],
      ({ providers }) =>
        providers.flatMap(
          ({ name, calls: { fallbacks: _, hedges: __, hedges_won: ___, ...calls } }) =>
            Object.entries(calls).map(([outcome, count]): Sample => [[name, outcome], count]),
        ),
    ),
    perProvider(
      "counter",
      "troupe_provider_fallbacks_total",
      "Calls that went on to the next model of their chain.",
      ({ calls }) => calls.fallbacks,
    ),
    perProvider(
      "counter",
      "troupe_provider_hedges_total",
      "Second attempts beside one that was slow.",
      ({ calls }) => calls.hedges,
    ),
    perProvider(
      "counter",
      "troupe_provider_hedges_won_total",
      "Of these, those that spoke first.",
      ({ calls }) => calls.hedges_won,
    ),
    perProvider(
      "gauge",
      "troupe_provider_breaker_open",
      "1 while the provider is left alone after calls that failed, 0.5 while single calls try it.",
      ({ breaker }) => ({ closed: 0, "half-open": 0.5, open: 1 })[breaker.state],
    ),
    perProvider(
      "counter",
      "troupe_provider_breaker_openings_total",
      "Times it was left alone.",
      ({ breaker }) => breaker.openings,
    ),
    perProvider(
      "gauge",
      "troupe_provider_keys_aside",
      "Keys left aside because they were limited or not accepted.",
      ({ keys }) => keys.filter(({ state }) => state !== "ready").length,
    ),
  ];
}
