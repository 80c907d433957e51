// Routing quality and cost on public data sets.
export {};
