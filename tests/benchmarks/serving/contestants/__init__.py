"""Who takes part, a folder each: how it is started, asked and understood, and the service as its documentation has it."""
