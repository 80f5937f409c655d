"""Authorization table of the mail folder, and a valid request of each operation."""

import uuid

from app.features.mail.settings import MailSettings
from tests.scenes import Authorization, Scene
from tests.state import resources_of

TABLE = """
list_mails                anonymous  200
read_mail                 anonymous  200
show_mail_page            anonymous  200
"""


async def a_mail(scene: Scene) -> str:
    folder, name = resources_of(scene.app)[MailSettings].mail_folder, str(uuid.uuid4())
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.eml").write_text("Subject: Hello\nTo: ada@example.com\n\nGood morning.\n")
    return name


authorization = Authorization(
    table=TABLE,
    things={"mail_name": a_mail},
)
