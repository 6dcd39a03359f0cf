// Calls the Node example of docs/webhooks.md, which is put before this text. Prints its port, and then for each
// webhook its content, or why it was refused.
import { createServer } from "node:http";

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      receive(Buffer.concat(parts), request.headers);
      response.writeHead(204).end();
    } catch (error) {
      console.log(`refused: ${error.name}`);
      response.writeHead(401).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
