// Relative, because the API may be mounted under any path.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  // The browser must not store API keys.
  persistAuthorization: false,
  // The default validator would send the document to a third-party server.
  validatorUrl: null,
});
