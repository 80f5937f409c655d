"""Metrics: every metric of the service by its name, in one place.

A module counts by importing its metric from here: `metrics.MAILS_SENT.inc()`. Levels, such as
the length of a queue, are gauges that the feature prometheus samples. With several workers
the figures of all are added up; see ADR 0013.

Labels have few values: route templates, codes, names in this code; never values of clients.
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# A time of creation for each series would double them, and no rule and no dashboard uses it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the client's

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SHORT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

# --- HTTP --------------------------------------------------------------------------------------

REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "From the arrival of a request to the first byte of its response.",
    ["method", "route", "status"],
    buckets=SECONDS,
)
PROBLEMS = Counter("http_problems", "Error responses, by the code of the problem.", ["code"])
# Starts at 0: a series that appears with its first error has no increase to alert on.
PROBLEMS.labels("internal_error")
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests in flight.", multiprocess_mode="livesum")
IN_FLIGHT_LIMIT = Gauge(
    "http_requests_in_flight_limit",
    "Limit of requests in flight; further ones wait or are rejected.",
    multiprocess_mode="livesum",
)
REQUESTS_SHED = Counter("http_requests_shed", "Requests rejected by load shedding.")
REQUESTS_EXPIRED = Counter("http_requests_expired", "Requests that exceeded their deadline.")

# --- The process -------------------------------------------------------------------------------

LOOP_LAG_SECONDS = Histogram(
    "event_loop_lag_seconds", "Lag of the event loop.", buckets=SHORT_SECONDS
)
MEMORY_BYTES = Gauge(
    "worker_memory_bytes", "Resident memory of the workers.", multiprocess_mode="livesum"
)
OPEN_FILES = Gauge(
    "worker_open_files", "Open file descriptors of the workers.", multiprocess_mode="livesum"
)
WORKERS = Gauge("workers", "Worker processes.", multiprocess_mode="livesum")
LOG_LINES_DROPPED = Counter(
    "log_lines_dropped", "Log lines that were dropped because the output was too slow."
)

# --- Database ----------------------------------------------------------------------------------

STATEMENT_SECONDS = Histogram(
    "database_statement_duration_seconds",
    "Duration of a statement, measured by the service.",
    ["operation"],
    buckets=SHORT_SECONDS,
)
POOL_IN_USE = Gauge(
    "database_pool_in_use",
    "Connections in use.",
    ["pool"],
    multiprocess_mode="livesum",
)
POOL_SIZE = Gauge(
    "database_pool_size", "Connections that may be open.", ["pool"], multiprocess_mode="livesum"
)
POOL_WAIT_SECONDS = Histogram(
    "database_pool_wait_seconds",
    "Waits for a connection while all were in use.",
    ["pool"],
    buckets=SHORT_SECONDS,
)

# --- Other services ------------------------------------------------------------------------------

OUTBOUND_SECONDS = Histogram(
    "outbound_request_duration_seconds",
    "Duration of requests to external services.",
    ["outcome"],
    buckets=SECONDS,
)

OUTBOUND_RETRIES = Counter("outbound_retries", "Retried requests to other services.")
BREAKERS_OPENED = Counter("outbound_breakers_opened", "How often a circuit breaker opened.")

# --- Jobs ----------------------------------------------------------------------------------------

JOBS = Counter("jobs", "Attempts at jobs: succeeded, retried or failed.", ["kind", "outcome"])
JOB_SECONDS = Histogram(
    "job_duration_seconds", "Duration of one attempt.", ["kind"], buckets=(*SECONDS, 30, 60)
)
JOBS_WAITING = Gauge(
    "jobs_waiting", "Jobs that are due and not yet started.", multiprocess_mode="livemax"
)
OLDEST_JOB_SECONDS = Gauge(
    "jobs_oldest_wait_seconds",
    "Time since the oldest waiting job became due.",
    multiprocess_mode="livemax",
)

# --- Caches ------------------------------------------------------------------------------------

CACHE_REQUESTS = Counter("cache_requests", "Look-ups: hit, miss, stale.", ["cache", "outcome"])

# --- Sign-in and business ----------------------------------------------------------------------

SIGN_INS = Counter("sign_ins", "Sessions that were started.")
REGISTRATIONS = Counter("registrations", "Accounts that were registered.")
ITEMS_CREATED = Counter("items_created", "Items that were created.")
POSTS_PUBLISHED = Counter("posts_published", "Posts that were published.")
FILES_STORED = Counter("files_stored", "Files that were uploaded.")
STORED_BYTES = Counter("files_stored_bytes", "Bytes of the files that were uploaded.")
MAILS_SENT = Counter("mails_sent", "Mails that the mail server accepted.")
