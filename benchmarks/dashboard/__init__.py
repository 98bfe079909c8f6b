"""The dashboard's speed in a real Chromium, on a real server: `python -m benchmarks.dashboard`."""
