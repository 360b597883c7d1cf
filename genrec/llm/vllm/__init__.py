"""vLLM: how it is started, and its process."""
