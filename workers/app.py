"""Configures the Celery application, every setting with its reason.

`celery -A workers.app worker` is all it takes: servers are those that DATABASE_URL and
CELERY_BROKER_URL name, else the embedded ones that `hkplates up` started. A worker that could not
do its work says so in one line and ends with a status that is not zero, before it takes a message.
"""

import logging
import os
import socket
import sys
from typing import Any, NoReturn

from celery import Celery
from celery.signals import (
    celeryd_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_shutdown,
    worker_shutting_down,
)

from hkplates import jobs, logs
from hkplates.embedded.servers import resolve_urls
from hkplates.errors import HkplatesError, SetupError, TemporaryFault
from hkplates.settings import Settings, read_settings
from workers.broker import transport
from workers.lifecycle import heartbeat, shutdown

TRANSPORT_OPTIONS = {
    # Look for messages of workers that vanished every second. By default every hundredth: they
    # would come back only 90 to 100 seconds after the visibility timeout.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    # Seconds. A worker killed while it restores keeps this lock; by default for 5 minutes.
    "unacked_mutex_expire": 10,
    # Notice a server that vanished without a word.
    "socket_keepalive": True,
    "health_check_interval": 25,  # seconds
}

SETTINGS: dict[str, Any] = {
    # JSON alone: a pickled message would be a program that whoever reaches Redis may run here.
    "task_serializer": "json",
    "accept_content": ["json"],
    # Results are rows in Postgres. A result backend would fill Redis with what nobody asks for.
    "result_backend": None,
    "task_ignore_result": True,
    # Both ends use one queue of our own, whatever else lives in that Redis.
    "task_default_queue": jobs.QUEUE,
    # A message is done when its chunk is: a worker that dies leaves it to the next.
    "task_acks_late": True,
    # A killed child's message comes back at once, and not when the visibility timeout ends.
    "task_reject_on_worker_lost": True,
    # The same when a child is killed by the hard time limit.
    "task_acks_on_timeout": False,
    # Prefetch 1: a worker holding four waiting chunks would starve idle ones.
    "worker_prefetch_multiplier": 1,
    # Children load the model before they say that they live. The 4 seconds that Celery allows are
    # too few on a busy machine: each would be killed while it loads, for ever.
    "worker_proc_alive_timeout": 120.0,
    # What leaks in C libraries over days is given back. A new child costs about a second.
    "worker_max_tasks_per_child": 500,
    # KiB. Twice what a child needs for a photograph of 120 megapixels; looked at after each task.
    "worker_max_memory_per_child": 2 * 1024 * 1024,
    # After a lost connection a chunk is processed to its end: its rows are saved; when its message
    # comes back there is nothing left to claim. Cancelling it, as Celery would have it, leaves its
    # images to wait for the visibility timeout.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Wait for Redis, at the start and later, however long it takes.
    "broker_connection_retry_on_startup": True,
    "broker_connection_retry": True,
    "broker_connection_max_retries": None,
    "broker_connection_timeout": 5.0,  # seconds; a host that drops packets would hold us 2 minutes
    # Whoever may write to Redis could stop every worker, or change its limits.
    "worker_enable_remote_control": False,
    # Nobody listens to them.
    "worker_send_task_events": False,
    # Ours are set up in `set_up_logging`.
    "worker_redirect_stdouts": False,
}

transport.install()
app = Celery("workers", include=["workers.tasks"])


def configure(sender: Celery, **_: object) -> None:
    """Reads the settings, when Celery first asks for them and not when this is imported."""
    try:
        settings = read_settings()
        broker_url = resolve_urls(settings)[1]
    except HkplatesError as error:
        exit_with_error(error)
    sender.config_from_object({**SETTINGS, **time_limits(settings), "broker_url": broker_url})


def time_limits(settings: Settings) -> dict[str, Any]:
    """Returns the settings that follow from the longest time that a chunk may take."""
    return {
        # An image that hangs ends with an exception; where that cannot reach it, with its process.
        "task_soft_time_limit": settings.chunk_seconds,
        "task_time_limit": settings.hard_seconds,
        "broker_transport_options": {
            **TRANSPORT_OPTIONS,
            # Who asks Redis for its clients sees which workers are connected.
            "client_name": f"{jobs.WORKER}@{socket.gethostname()}:{os.getpid()}",
            "visibility_timeout": settings.visibility_seconds,
        },
    }


app.on_configure.connect(configure, weak=False)


def exit_with_error(error: HkplatesError) -> NoReturn:
    """Ends the process with one line that says what to do, and the error's exit status."""
    print(f"hkplates worker: {error}", file=sys.stderr)  # noqa: T201  (before there is a log)
    sys.exit(error.exit_code)


def set_up_logging(**_: object) -> None:
    """Configures our logs in place of Celery's."""
    logs.configure(read_settings().log_level)
    # It logs where it found credentials, once for each client.
    logging.getLogger("botocore").setLevel(logging.WARNING)


def check_machine(**_: object) -> None:
    """Checks the machine in the parent, before any child: else no message may be taken."""
    # The first import of services, and with it of lifecycle/current_image.py, must be in the parent
    # before it forks, as that of lifecycle/shutdown.py above: all three map the memory that parent
    # and children share when they are imported.
    from workers import services

    try:
        services.check_machine(read_settings())
    except HkplatesError as error:
        exit_with_error(error)


def disable_gossip(sender: Any, **_: object) -> None:
    """Disables gossip, mingle and heartbeat events between workers.

    Workers need not know of each other: with a hundred of them, events every two seconds would be
    most of Redis's traffic, and asking everyone delays each start.
    """
    sender.options.update(without_gossip=True, without_mingle=True, without_heartbeat=True)


def load_services(**_: object) -> None:
    """Loads the models in each child: TensorFlow hangs in a process forked after loading one."""
    from workers import services

    settings = read_settings()
    services.limit_memory(settings.max_process_memory)
    try:
        services.load_or_request_shutdown(settings)
    except TemporaryFault as fault:
        # The parent checked all of this a moment ago. The first chunk tries again.
        services.log.error("services_not_loaded", why=str(fault))
    except SetupError:
        pass  # logged; the first chunk tries again


def set_exit_status(sender: Any, **_: object) -> None:
    """Sets the parent's exit status where the worker shut itself down and was not asked to."""
    from workers import services

    if services.shutdown_requested():
        sender.exitcode = SetupError.exit_code


setup_logging.connect(set_up_logging)
celeryd_init.connect(check_machine)
worker_init.connect(disable_gossip)
worker_process_init.connect(load_services)
worker_shutting_down.connect(shutdown.begin)
worker_shutdown.connect(set_exit_status)
heartbeat.install(app)
