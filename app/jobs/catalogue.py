"""Every job that there is: a new one is written into this list."""

from app.jobs.notify_admins import NotifyAdmins
from app.jobs.process_item import ProcessItem
from app.jobs.queue import Job
from app.jobs.send_email_change_mail import SendEmailChangeMail
from app.jobs.send_notification import SendNotification
from app.jobs.send_reset_mail import SendResetMail
from app.jobs.send_verification_mail import SendVerificationMail
from app.jobs.send_welcome_mail import SendWelcomeMail

JOBS: tuple[type[Job], ...] = (
    NotifyAdmins,
    ProcessItem,
    SendEmailChangeMail,
    SendNotification,
    SendResetMail,
    SendVerificationMail,
    SendWelcomeMail,
)
