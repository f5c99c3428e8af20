"""`hkplates web`: serve the page until it is stopped."""

import uvicorn

from hkplates.settings import Settings
from web.app import create_app
from web.services import opened_services


def serve(settings: Settings, *, host: str, port: int) -> int:
    """Serve the page; the exit status."""
    with opened_services(settings) as services:
        uvicorn.run(
            create_app(services),
            host=host,
            port=port,
            log_config=None,  # ours, of hkplates.logs
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,  # seconds
        )
    return 0
