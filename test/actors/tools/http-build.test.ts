// How a request is put together: what a model writes stays where it belongs.

import { expect, test } from "vitest";
import {
  checkRequestConfig,
  type RequestConfig,
  requestOf,
} from "../../../actors/tools/http-build.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const orders: RequestConfig = {
  url: "https://api.example.com/orders/{id}",
  headers: { Authorization: "Bearer secret-value" },
};
const refusal = (make: () => unknown): unknown => {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    expect(error.message).not.toContain("secret-value");
    return `${error.code} ${error.details?.["pointer"]}`;
  }
};

test.each([
  [{ id: "a b" }, "https://api.example.com/orders/a%20b"],
  [{ id: 7 }, "https://api.example.com/orders/7"],
  [{ id: "x/../../admin?a=1#b" }, "https://api.example.com/orders/x%2F..%2F..%2Fadmin%3Fa%3D1%23b"],
  [{ id: "1", q: "ä&b=c" }, "https://api.example.com/orders/1?q=%C3%A4%26b%3Dc"],
])("%j fills the places of the address, and nothing else", (given, url) => {
  expect(requestOf(orders, "GET", given, {}).url).toBe(url);
});

test("a part that would lead elsewhere is refused", () => {
  for (const id of ["..", ".", ""]) {
    expect(refusal(() => requestOf(orders, "GET", { id }, {}))).toBe("INVALID /id");
  }
});

test("the other arguments of a POST are its body, and headers of the configuration stand", () => {
  const more = { "idempotency-key": "rn_1/tool:1" };
  const request = requestOf(orders, "POST", { id: "1", amount: 5 }, more);
  expect(request).toEqual({
    url: "https://api.example.com/orders/1",
    method: "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": "rn_1/tool:1",
      authorization: "Bearer secret-value",
    },
    body: '{"amount":5}',
  });
});

test.each([
  [{ "x-a": "1\r\nHost: evil" }, "INVALID /headers/x-a"],
  [{ "x-a": "1\u0000" }, "INVALID /headers/x-a"],
  [{ "x a": "1" }, "INVALID /headers/x a"],
  [{ "x-a\r\n": "1" }, "INVALID /headers/x-a\r\n"],
  [{ Host: "evil" }, "INVALID /headers/Host"],
  [{ "Content-Length": "0" }, "INVALID /headers/Content-Length"],
  [{ "proxy-authorization": "x" }, "INVALID /headers/proxy-authorization"],
  [{ authorization: "Basic x" }, "INVALID /headers/authorization"],
  [{ Cookie: "a=b" }, "INVALID /headers/Cookie"],
  [{ "Idempotency-Key": "mine" }, "INVALID /headers/Idempotency-Key"],
])("headers %j of a model are refused", (headers, told) => {
  const given = { url: "https://example.com", headers };
  expect(refusal(() => requestOf({}, "GET", given, {}))).toBe(told);
});

test("a method that is none of those known is refused", () => {
  for (const method of ["CONNECT", "TRACE", "GET / HTTP/1.1\r\nx: y"]) {
    expect(refusal(() => requestOf({}, method, { url: "https://a.b" }, {}))).toBe(
      "INVALID /method",
    );
  }
});

test.each([
  [{ url: "ftp://a.b/" }, "INVALID /url"],
  [{ url: "https://{host}/x" }, "INVALID /url"],
  [{ url: "https://a.b{x}/" }, "INVALID /url"],
  [{ url: "https://user:p@a.b/" }, "INVALID /url"],
  [{ url: "not an address" }, "INVALID /url"],
  [{ headers: { "x-a": "secret-value\n" } }, "INVALID /headers/x-a"],
  [{ headers: { host: "x" } }, "INVALID /headers/host"],
  [{ allowed_hosts: ["https://a.b"] }, "INVALID /allowed_hosts/0"],
  [{ reconcile_url: "https://a.b/x" }, "INVALID /reconcile_url"],
])("the configuration %j is refused at its place", (config, told) => {
  expect(refusal(() => checkRequestConfig(config))).toBe(told);
});
