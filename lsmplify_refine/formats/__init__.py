"""File formats: containers, slots, reading and writing through the adapters."""
