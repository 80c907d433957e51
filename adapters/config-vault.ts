// Settings of the master key, under which secrets are stored. The key itself is no setting: it comes from
// the environment (TROUPE_MASTER_KEY), or from one of these.

import { choice, type Fields } from "./config-field.ts";

/** Where the master key comes from; at most one of them, and not beside TROUPE_MASTER_KEY. */
export const masterKeyFields = {
  encryption: choice(
    "Whether what is a tenant's is sealed on the disk, under a key of the tenant that is destroyed first when it is deleted (adapters/vault/README.md says what is not). A data folder is made with it or without.",
    ["off", "on"],
    "off",
    "TROUPE_ENCRYPTION",
  ),
  tenantKeys: {
    type: "text",
    text: "Folder of the tenants' keys with `encryption: on`; they are in no backup. Default: `tenant-keys` in the data folder.",
    env: "TROUPE_TENANT_KEYS",
    default: null as string | null,
    charsMax: 4_000,
  },
  masterKeyFile: {
    type: "text",
    text: "File with the master key (32 bytes in base64; one key a line, the current one first), mode 0600. Default: `master-key` in the data folder, made on the first start.",
    default: null as string | null,
    charsMax: 4_000,
  },
  masterKeyCommand: {
    type: "texts",
    text: "Program and arguments, run without a shell at every start, that print the master key as a file would have it; 10 s and 4 KiB at most.",
    default: [] as readonly string[],
    itemsMax: 32,
    charsMax: 4_000,
  },
  publicUrl: {
    type: "text",
    text: "Where browsers reach this server, e.g. https://troupe.example.com: authorization servers send them back there. Default: http and the host they ask.",
    env: "TROUPE_PUBLIC_URL",
    default: null as string | null,
    charsMax: 500,
    pattern: /^https?:\/\/[^\s?#]+$/,
    expected: "an http:// or https:// address",
  },
} as const satisfies Fields;
