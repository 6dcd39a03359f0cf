// The document lies beside this page, wherever the API is mounted.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  // A key that was typed in is forgotten with the page.
  persistAuthorization: false,
  // It would send the document to a server elsewhere.
  validatorUrl: null,
});
