// Calls what docs/webhooks.md shows for Node, which stands in front of this. It prints its port, and then what
// each webhook told, or why it is none of ours.
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
