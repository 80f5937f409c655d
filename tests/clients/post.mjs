// Sends POST requests of blanks with fetch, and prints each status.
const [url, size, count] = process.argv.slice(2);
for (let left = Number(count); left > 0; left -= 1) {
  const headers = { "Content-Type": "application/json" };
  const body = Buffer.alloc(Number(size), " ");
  const response = await fetch(url, { method: "POST", headers, body });
  await response.text();
  console.log(response.status);
}
