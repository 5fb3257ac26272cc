"""The engine: pure stages over a batch of frames, run in order by `Refiner` (in `refiner`)."""
