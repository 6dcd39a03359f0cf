// Relative, because the API may be mounted under any path.
fetch("openapi.json")
  .then((answer) => answer.json())
  .then((spec) => {
    // Where this page comes from: a proxy may have passed on another host than the one that it was asked for.
    spec.servers = [{ url: new URL(".", location.href).href.replace(/\/$/, "") }];
    SwaggerUIBundle({
      spec,
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
  })
  .catch((error) => {
    document.querySelector("#viewer").textContent = `The document could not be read: ${error}`;
  });
