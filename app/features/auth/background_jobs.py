"""Jobs that send the mails of accounts."""

from app.features.auth.jobs.send_email_change_mail import SendEmailChangeMail
from app.features.auth.jobs.send_reset_mail import SendResetMail
from app.features.auth.jobs.send_verification_mail import (
    ResendVerificationMail,
    SendVerificationMail,
)
from app.features.auth.jobs.send_welcome_mail import SendWelcomeMail
from app.features.background_jobs.declarations import BackgroundJobs

extension = BackgroundJobs(
    jobs=(
        SendEmailChangeMail,
        SendResetMail,
        SendVerificationMail,
        ResendVerificationMail,
        SendWelcomeMail,
    )
)
