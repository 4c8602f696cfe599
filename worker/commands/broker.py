"""Redis as the commands look at it, beside Celery: short waits, no retries, an answer or none."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from worker.settings import QUEUE, Settings, SettingsError


def client(settings: Settings, seconds: float = 3.0) -> Redis:
    """A client that connects when first used and gives up after `seconds`."""
    # Kombu's spelling of a Unix socket's address, and redis-py's.
    url = settings.broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    return Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0))


def waiting(server: Redis) -> int | None:
    """How many tasks wait; None when Redis does not say."""
    try:
        return int(server.llen(QUEUE))
    except (RedisError, OSError):
        return None


def check_policy(server: Redis) -> None:
    """Raise SettingsError if Redis may evict tasks, and RedisError if it does not answer."""
    memory = server.info("memory")
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        raise SettingsError(
            f"Redis may evict waiting tasks without a word (maxmemory-policy {policy}): "
            "set it to noeviction, in redis.conf or by `CONFIG SET maxmemory-policy noeviction`"
        )


def require(settings: Settings, command: str) -> None:
    """Raise SettingsError unless the broker is one for several processes. One that is away now may come."""
    if settings.embedded:
        raise SettingsError(
            f"`newsfold {command}` needs a broker that other processes reach: "
            "set NEWSFOLD_BROKER_URL to a redis:// URL, or use `newsfold run`"
        )
    with client(settings) as server:
        try:
            check_policy(server)
        except (RedisError, OSError):
            return
