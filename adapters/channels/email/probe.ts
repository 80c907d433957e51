// A look at an account from outside: each step that a mail takes, and what to do where it fails.

import type { ChannelEnvironment, Finding } from "../adapter.ts";
import { isRefused, openImap, said, within } from "./imap.ts";
import { SentFolder } from "./sent.ts";
import type { EmailOptions, Server } from "./settings.ts";
import type { Smtp } from "./transport.ts";

/** Never throws for what servers say. */
export async function probeMail(
  options: EmailOptions,
  environment: ChannelEnvironment,
  smtp: Smtp,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const [inbound, outbound] = await Promise.all([
    probeImap(options, environment, signal),
    probeSmtp(options, smtp, signal),
  ]);
  return [...inbound, outbound, ...settingsFindings(options)];
}

async function probeImap(
  options: EmailOptions,
  environment: ChannelEnvironment,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { imap, mailbox, timeoutMs, sentCopies } = options;
  const at = `${imap.host}:${imap.port}`;
  let client: Awaited<ReturnType<typeof openImap>>;
  try {
    client = await openImap(options, environment, signal);
  } catch (error) {
    return [
      {
        ok: false,
        text: `IMAP at ${at}: ${said(error, options)}`,
        help: help(error, imap, "imap"),
      },
    ];
  }
  const stop = () => client.close();
  signal.addEventListener("abort", stop, { once: true });
  const findings: Finding[] = [{ ok: true, text: `IMAP at ${at}: logged in as ${imap.user}.` }];
  try {
    const open = client.mailboxOpen(mailbox, { readOnly: true });
    const { exists } = await within(client, open, timeoutMs);
    findings.push({ ok: true, text: `The folder ${mailbox} has ${exists} mails.` });
    findings.push(idleFinding(client.capabilities.has("IDLE"), options));
    findings.push(claimFinding(client.enabled.has("CONDSTORE"), options));
    if (sentCopies) findings.push(await sentFinding(client, options));
  } catch (error) {
    findings.push({
      ok: false,
      text: `The folder ${mailbox} cannot be opened: ${said(error, options)}`,
      help: "Set mailbox to a folder that the server lists; names are case-sensitive but for INBOX.",
    });
  } finally {
    signal.removeEventListener("abort", stop);
    client.close();
  }
  return findings;
}

function idleFinding(hasIdle: boolean, { pollMs }: EmailOptions): Finding {
  if (hasIdle) return { ok: true, text: "The server tells of new mail at once (IDLE)." };
  const text = `The server has no IDLE: new mail is seen after up to ${pollMs / 1_000} s.`;
  return { ok: true, text, help: "Set poll_seconds lower if that is too long." };
}

function claimFinding(hasCondition: boolean, { claimMails }: EmailOptions): Finding {
  if (claimMails && hasCondition) {
    return { ok: true, text: "Of several servers that watch the folder one answers (CONDSTORE)." };
  }
  const why = claimMails ? "The server has no CONDSTORE" : "claim_mails is off";
  const text = `${why}: two servers that watch the folder would both answer.`;
  return { ok: true, text, help: "See that nothing else watches it: no other Troupe, no copy." };
}

async function sentFinding(
  client: Awaited<ReturnType<typeof openImap>>,
  options: EmailOptions,
): Promise<Finding> {
  try {
    await new SentFolder(options).lookFor(client, "<probe@troupe.invalid>");
    return { ok: true, text: "The sent folder can be searched." };
  } catch (error) {
    const text = `Copies of what is sent cannot be kept: ${said(error, options)}`;
    const todo =
      "Set sent_mailbox to a folder that exists, or sent_copies to false: lost sends are unknown then.";
    return { ok: false, text, help: todo };
  }
}

async function probeSmtp(options: EmailOptions, smtp: Smtp, signal: AbortSignal): Promise<Finding> {
  const at = `${options.smtp.host}:${options.smtp.port}`;
  try {
    await smtp.verify(signal);
    return { ok: true, text: `SMTP at ${at}: ready to send as ${options.address}.` };
  } catch (error) {
    const text = `SMTP at ${at}: ${said(error, options)}`;
    return { ok: false, text, help: help(error, options.smtp, "smtp") };
  }
}

function settingsFindings({ authservId, imap, smtp }: EmailOptions): readonly Finding[] {
  const findings: Finding[] = [];
  if (authservId === undefined) {
    const text = "No sender is verified: anybody can write in anybody's name.";
    const todo =
      "Set authserv_id to the first word of the Authentication-Results that your mail server writes, and require_auth.";
    findings.push({ ok: true, text, help: todo });
  }
  for (const [name, { tls }] of [
    ["imap_tls", imap],
    ["smtp_tls", smtp],
  ] as const) {
    if (tls !== "none") continue;
    const text = `${name} is none: the password goes over the network in the clear.`;
    findings.push({
      ok: true,
      text,
      help: "Use implicit or starttls unless the server is on this machine.",
    });
  }
  return findings;
}

function help(error: unknown, { host, port, tls }: Server, of: "imap" | "smtp"): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const text = `${String(code)} ${String((error as { originalCode?: unknown }).originalCode)} ${String(message)}`;
  if (isRefused(error) || /EAUTH|authenticat/i.test(text)) {
    const user = of === "imap" ? "user and password" : "smtp_user and smtp_password";
    return `Check ${user}. Large providers want an app password here, not the one of the web page.`;
  }
  if (/ENOTFOUND|EDNS|EAI_AGAIN/.test(text)) return `Check ${of}_host: there is no ${host}.`;
  if (/EGRESS_REFUSED/.test(text)) {
    return `${host} is not on the public network: the operator has to allow it.`;
  }
  if (/certificate|CERT|self.signed|altname/i.test(text)) {
    return `The certificate of ${host} is not trusted: use the name it is made for, or set tls_ca.`;
  }
  if (/ETLS|SSL|TLS|wrong version|EPROTO/i.test(text)) {
    return `Port ${port} does not speak what ${of}_tls says (${tls}): ${ports(of)}.`;
  }
  if (/ECONNREFUSED/.test(text)) return `Nothing listens on ${host}:${port}: ${ports(of)}.`;
  return `Check ${of}_host, ${of}_port and ${of}_tls (${ports(of)}), and firewalls on the way.`;
}

function ports(of: "imap" | "smtp"): string {
  return of === "imap"
    ? "usually 993 with implicit, 143 with starttls"
    : "usually 465 with implicit, 587 with starttls";
}
