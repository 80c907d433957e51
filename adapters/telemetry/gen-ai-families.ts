// The metrics of models' calls, by the names of OpenTelemetry's conventions for generative AI as Prometheus has
// them.

import type { HistogramData } from "../../runtime/shared/metrics.ts";
import { type Family, family, type Sample } from "./family.ts";
import type { GenAiSeries } from "./gen-ai-figures.ts";

const labels = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_response_model"];

/** All of them. */
export function genAiFamilies(): readonly Family[] {
  const time = (name: string, help: string, of: (one: GenAiSeries) => HistogramData): Family =>
    family("histogram", name, help, labels, ({ genAi }) =>
      genAi.flatMap((one) => sample(one, [], of(one))),
    );
  return [
    time(
      "gen_ai_client_operation_duration_seconds",
      "From a call of a model to the end of its answer; of calls that were answered.",
      ({ duration }) => duration,
    ),
    time(
      "gen_ai_client_operation_time_to_first_chunk_seconds",
      "From a call of a model to the first of its answer, where it is streamed.",
      ({ first }) => first,
    ),
    family(
      "histogram",
      "gen_ai_client_token_usage",
      "Tokens of one call of a model.",
      [...labels, "gen_ai_token_type"],
      ({ genAi }) =>
        genAi.flatMap((one) => [
          ...sample(one, ["input"], one.input),
          ...sample(one, ["output"], one.output),
        ]),
    ),
  ];
}

/** None where nothing was measured. */
function sample(
  { operation, provider, model }: GenAiSeries,
  more: readonly string[],
  data: HistogramData,
): readonly Sample[] {
  if (data.counts.every((count) => count === 0)) return [];
  return [[[operation, provider, model, ...more], data]];
}
