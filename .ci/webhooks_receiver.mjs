// A receiver of webhooks as docs/webhooks.md shows it, with the public library from npm. It prints its port,
// and then what each webhook told, or why it is none of ours.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.argv[2]);

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      const { event, data } = webhook.verify(Buffer.concat(parts), request.headers);
      console.log(`${data.jobId} ${event}`);
      response.writeHead(204).end();
    } catch (error) {
      console.log(`refused: ${error.name}`);
      response.writeHead(401).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
