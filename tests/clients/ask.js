// Make calls of the official JavaScript client of any version: the calls come as JSON on stdin, the answers go to stdout.
// Arguments: the folder where the client is installed, and its major version.
"use strict";

const { readFileSync } = require("fs");
const { createRequire } = require("module");

const [, , folder, version] = process.argv;
const load = createRequire(`${folder}/any.js`);
const { Client } = load("@elastic/elasticsearch");
const installed = JSON.parse(readFileSync(`${folder}/node_modules/@elastic/elasticsearch/package.json`, "utf8")).version;
if (!installed.startsWith(`${version}.`)) throw new Error(`version ${installed} is installed`);

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

async function ask(job) {
  const compression = version === "7" ? (job.compressed ? "gzip" : false) : job.compressed;
  const client = new Client({ node: job.address, maxRetries: 0, compression });
  const answers = [];
  for (const { method, keywords } of job.calls) {
    const [group, name] = method.includes(".") ? method.split(".") : [null, method];
    const target = group ? client[group] : client;
    try {
      const answer = await target[camel(name)](keywords);
      answers.push({ body: version === "7" ? answer.body : answer });
    } catch (error) {
      if (!error.meta || !error.meta.statusCode) throw error;
      answers.push({ error: [error.meta.statusCode, error.meta.body.error.type] });
    }
  }
  await client.close();
  return answers;
}

ask(JSON.parse(readFileSync(0, "utf8"))).then(
  (answers) => process.stdout.write(JSON.stringify(answers)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
