"""Page for developers of clients, which the metadata of the authorization server names."""

from app.features.auth.service_documentation import ServiceDocumentation

extension = ServiceDocumentation(route="show_swagger_ui")
