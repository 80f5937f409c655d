"""Sends POST requests of blanks with urllib, and prints each status."""

import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

url, size, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
opener = build_opener(ProxyHandler({}))
request = Request(url, b" " * size, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
for _ in range(count):
    try:
        status = opener.open(request).status
    except HTTPError as error:
        error.read()
        status = error.code
    sys.stdout.write(f"{status}\n")
