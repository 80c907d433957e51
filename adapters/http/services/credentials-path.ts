// Where authorization servers send browsers back to: what integrations are registered with there.

/** Path of it. */
export const callbackPath = "/v2/tokens/callback";
