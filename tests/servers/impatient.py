"""The Celery application with a visibility timeout that a test can wait for."""

from workers.app import SETTINGS, app

SETTINGS["broker_transport_options"]["visibility_timeout"] = 15  # seconds

__all__ = ["app"]
