//! A stand-in for DynamoDB whose first response is lost, as the SDK's retries meet it.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Reads the JSON body of the request on this connection.
async fn request(stream: &mut TcpStream) -> Value {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body));
        if let Some(Ok(body)) = body {
            return body;
        }
    }
}

/// Returns a client of a table that loses its first response. After that its conditions fail, and it says that the
/// row is what `row` makes of the request.
pub(crate) async fn client(row: impl Fn(Value) -> Value + Send + Sync + 'static) -> aws_sdk_dynamodb::Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        request(&mut listener.accept().await.unwrap().0).await;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let row = row(request(&mut stream).await);
            let error_type = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            let body = json!({"__type": error_type, "Item": row}).to_string();
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "tests");
    let sdk = crate::config::loader()
        .endpoint_url(url)
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(credentials)
        .load()
        .await;
    aws_sdk_dynamodb::Client::new(&sdk)
}
