"""Rules for names: retired words, units of numbers and money, catch-all modules, secrets.

`tests/test_language.py` and other tests check the code by them, and `app new` its arguments.
"""

import re

# Words that have no meaning of their own in the field: a user, a client, again, in addition.
RETIRED = (
    "somebody|nobody|anybody|everybody|whoever|whichever|people|strangers?|neighbours?|anew"
    "|besides|dearest|told|hears?|heard|woken|wakes|mended|looks? at|looked at|goes? round"
    "|is away|are away|(?:became|become) of|takes? down|lets? in|hang on|unseal"
    "|hand_back|give_back|begin_turn|vital_signs|waiting_line|known_callers|kept_answers"
    "|answer_once|upload_answers|writing_directly|chores|act_as|whom|believes?|worked on|wins? over"
    r"|refuse_\w+|is_refused|are_refused|refusals?|answer_upload_once|batch_answer|work_of"
    "|stop_clock|find_place|end_sign_ins|revoke_programs"
)
# An underscore separates words of an identifier.
RETIRED_WORD = re.compile(rf"(?<![A-Za-z])(?:{RETIRED})(?![A-Za-z])", re.IGNORECASE)
# Numbers whose names end in one of these need a unit.
DURATION = re.compile(
    r"(backoff|delay|duration|grace|interval|lag|latency|lifetime|pause|period|retention|timeout|"
    r"ttl|wait)$",
    re.IGNORECASE,
)
SIZE = re.compile(r"(^|(?<!pool)(?<!cache)_)(memory|size)$", re.IGNORECASE)
# Amounts of money, and how a text states their unit.
MONEY = re.compile(r"(^|_)(amount|price|tax)$")
CURRENCY = re.compile(r"\b(euros|EUR|currency)\b")
# Modules that would collect what belongs elsewhere.
CATCH_ALL_MODULES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "services",
    "repositories",
}
# Columns whose values the audit log does not show.
SECRET = re.compile("hash|secret|password|token")
