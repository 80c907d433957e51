// Apart from the layout itself, so that whoever asks for one does not load its library.

/** Name of the compute pool's task that lays out a picture (graph-layout.ts). */
export const layoutTaskName = "graph.layout";
