// The handles that the codecs take: `decodeJson(messageTypes.SchedulerCall, text)`.
import type { MessageShapes } from "./generated/messages.ts";
import { enumNumbers, messageRows } from "./generated/schema.ts";
import { linkSchema, type MessageType } from "./schema.ts";

export type MessageTypes = { readonly [Name in keyof MessageShapes]: MessageType<MessageShapes[Name]> };

/** Every message of the contract, under the name of its type. */
export const messageTypes = linkSchema(messageRows, enumNumbers) as MessageTypes;
