"""Real people before several cameras: what one camera's estimate gains, judged by the other cameras."""
