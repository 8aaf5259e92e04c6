"""Files: networks as safetensors, written atomically."""
