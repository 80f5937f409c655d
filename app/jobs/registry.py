"""Every job that there is: a new one is written into this list."""

from app.features.auth.jobs.send_email_change_mail import SendEmailChangeMail
from app.features.auth.jobs.send_reset_mail import SendResetMail
from app.features.auth.jobs.send_verification_mail import SendVerificationMail
from app.features.auth.jobs.send_welcome_mail import SendWelcomeMail
from app.features.items.jobs import ProcessItem
from app.features.notifications.jobs.notify_admins import NotifyAdmins
from app.features.notifications.jobs.send_notification import SendNotification
from app.jobs.job import Job

JOBS: tuple[type[Job], ...] = (
    NotifyAdmins,
    ProcessItem,
    SendEmailChangeMail,
    SendNotification,
    SendResetMail,
    SendVerificationMail,
    SendWelcomeMail,
)
