// The settings of what the server tells others of itself: part of config-schema.ts.

import { integer } from "./config-field.ts";

/** The group `telemetry`. */
export const telemetryGroup = {
  type: "group",
  text: "What the server tells others of what it does.",
  fields: {
    traces: {
      type: "group",
      text: "The store of traces of ended runs (/v2/traces). Nothing that was said is in it.",
      fields: {
        samplePercent: integer(
          "Of the traces so many are kept; those of runs that failed or were slow always.",
          "percent",
          [100, 0, 100],
        ),
        slowMs: integer("A run that takes so long is slow.", "ms", [10_000, 1, 86_400_000]),
        keepDays: integer("A trace is kept this long.", "days", [7, 1, 365]),
        runsMax: integer(
          "Runs of a tenant whose traces are kept, the newest; 0: none are.",
          "runs",
          [10_000, 0, 1_000_000],
        ),
        bytesMaxMib: integer("Traces of a tenant, together.", "MiB", [64, 1, 65_536]),
      },
    },
    otlp: {
      type: "group",
      text: "Traces of ended runs for a collector, by OTLP over HTTP in JSON. Nothing that was said is sent.",
      fields: {
        endpoint: {
          type: "text",
          text: "Address of the collector, to which `/v1/traces` is added, as http://127.0.0.1:4318. Default: none, nothing is sent.",
          env: "OTEL_EXPORTER_OTLP_ENDPOINT",
          default: null as string | null,
          charsMax: 2_000,
          pattern: /^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/,
          expected: "an http:// or https:// address without user, query and fragment",
        },
        headers: {
          type: "text",
          text: "Headers of each request as `name=value,name=value`, values in percent encoding.",
          env: "OTEL_EXPORTER_OTLP_HEADERS",
          default: null as string | null,
          charsMax: 8_000,
          pattern: /^[\w-]+=[\x21-\x2b\x2d-\x7e]*(,[\w-]+=[\x21-\x2b\x2d-\x7e]*)*$/,
          expected: "headers as name=value,name=value",
          secret: true,
        },
        samplePercent: integer(
          "Of the traces so many are sent, all runs of a trace or none.",
          "percent",
          [100, 0, 100],
        ),
      },
    },
  },
} as const;
