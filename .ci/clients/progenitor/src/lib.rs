//! A client that progenitor generates from the document of a local cloud.

progenitor::generate_api!(spec = "openapi.json", interface = Builder);

/// Compiles only if the operations and the types have the names and fields that a user would look for.
pub async fn flow(client: &Client, user: uuid::Uuid) -> Result<(), Error<types::Error>> {
    let body = types::GenerateRequest::builder().user_id(user).prompt("a kite".to_owned());
    let made = client.generate_images().body(body).send().await?;
    client.get_image_status().job_id(made.job_id).prefer("wait=20").send().await?;
    client.cancel_image_job().job_id(made.job_id).send().await?;
    client.list_image_jobs().limit(std::num::NonZeroU64::MIN).send().await?;
    Ok(())
}
