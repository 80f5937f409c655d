"""Django with its ORM: models with validators, views that answer with JSON, threads."""

import json
import uuid
from decimal import Decimal
from functools import wraps
from urllib.parse import urlsplit

import django
import jwt
from contract import DATABASE_URL, POOL_SIZE, SECRET_KEY, VERSION, subject_of
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import Http404, HttpResponse, JsonResponse
from django.urls import path

url = urlsplit(DATABASE_URL)
settings.configure(
    SECRET_KEY=SECRET_KEY,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.lstrip("/"),
            "USER": url.username,
            "PASSWORD": url.password,
            "HOST": url.hostname,
            "PORT": url.port,
            "OPTIONS": {"pool": {"min_size": POOL_SIZE, "max_size": POOL_SIZE}},
        }
    },
)
django.setup()


class User(models.Model):
    id = models.UUIDField(primary_key=True)
    role = models.CharField(max_length=30)
    is_active = models.BooleanField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "shop"
        db_table = "users"
        managed = False


class Item(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.IntegerField(default=1)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, null=True, blank=True)
    price = models.DecimalField(
        max_digits=7,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(10_000)],
    )
    tax = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    tags = ArrayField(
        models.CharField(max_length=30, validators=[RegexValidator(r"^[a-z0-9-]{1,30}$")]),
        size=20,
        blank=True,
        default=list,
    )
    category_id = models.UUIDField(null=True, blank=True)
    owner = models.ForeignKey(User, models.PROTECT)
    processed_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "shop"
        db_table = "items"
        managed = False

    def clean(self):
        if self.tax > self.price or self.price + self.tax > 10_000:
            raise ValidationError({"tax": "The tax is too high."})


FIELDS = [field.attname for field in Item._meta.fields if field.name != "deleted_at"]  # noqa: SLF001


def as_json(item):
    return {field: getattr(item, field) for field in FIELDS}


def signed_in(view):
    @wraps(view)
    def wrapper(request, *args, **kwargs):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            subject = subject_of(token)
            user = User.objects.get(id=subject, is_active=True, deleted_at=None)
        except (jwt.InvalidTokenError, User.DoesNotExist):
            return HttpResponse(status=401)
        if scheme != "Bearer":
            return HttpResponse(status=401)
        return view(request, user, *args, **kwargs)

    return wrapper


def read_version(request):
    return JsonResponse(VERSION)


@signed_in
def read_item(request, user, item_id):
    try:
        item = Item.objects.get(id=item_id, deleted_at=None)
    except Item.DoesNotExist:
        raise Http404 from None
    if item.owner_id != user.id and user.role != "admin":
        return HttpResponse(status=403)
    return JsonResponse(as_json(item))


@signed_in
def items(request, user):
    return create_item(request, user) if request.method == "POST" else list_items(request, user)


def list_items(request, user):
    limit = int(request.GET.get("limit", 20))
    rows = Item.objects.filter(owner=user, deleted_at=None).order_by("-created_at", "-id")[:limit]
    return JsonResponse({"items": [as_json(item) for item in rows]})


def create_item(request, user):
    data = json.loads(request.body)
    item = Item(**{name: data[name] for name in CREATABLE if name in data}, owner=user)
    try:
        item.full_clean(validate_unique=False, validate_constraints=False, exclude=["owner"])
    except ValidationError as error:
        return JsonResponse(error.message_dict, status=422)
    item.save(force_insert=True)
    return JsonResponse(as_json(item), status=201)


CREATABLE = ("name", "description", "price", "tax", "tags")

urlpatterns = [
    path("version", read_version),
    path("api/v1/items", items),
    path("api/v1/items/<uuid:item_id>", read_item),
]

app = get_wsgi_application()
