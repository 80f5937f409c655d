"""Authorization table of the documentation pages: public."""

from tests.scenes import Authorization

TABLE = """
show_landing_page         anonymous  200
show_problem_types        anonymous  200
show_problem_type         anonymous  200
show_swagger_ui           anonymous  200
show_oauth2_redirect      anonymous  200
show_redoc                anonymous  200
redirect_to_docs          anonymous  307
"""


authorization = Authorization(
    table=TABLE,
    names={"code": "not_found"},
)
