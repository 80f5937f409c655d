"""Options of uvicorn: the protocols of this feature, by name, because each worker imports them."""

OPTIONS = {
    "http": "app.features.http_server.http_protocol:HttpProtocol",
    "ws": "app.features.http_server.websocket_protocol:WebSocketProtocol",
}
