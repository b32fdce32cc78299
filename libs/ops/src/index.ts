// Filled by the first export.
