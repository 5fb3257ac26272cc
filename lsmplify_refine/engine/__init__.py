"""The engine: pure stages over a batch of frames, strung together by `Refiner` (in `refiner`)."""
