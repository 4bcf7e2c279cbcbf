"""The engine PyTorch."""
