"""Authorization table of the service itself: public."""

from tests.scenes import Authorization

TABLE = """
read_liveness             anonymous  200
read_readiness            anonymous  200
read_health               anonymous  200
read_version              anonymous  200
read_security_txt         anonymous  200
read_openapi              anonymous  200
"""


authorization = Authorization(table=TABLE)
