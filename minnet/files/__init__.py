"""Files: networks as safetensors, and writing that leaves no half file behind."""
