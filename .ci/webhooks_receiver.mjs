// Serves the Express example of docs/webhooks.md, which is put before this text. Prints its port; the example
// prints each webhook that it accepts.
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
