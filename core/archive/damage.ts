/**
 * What `check --repair` may take for lost. An object that is not there, or is not what was stored, stays so: what it held can
 * be given up. A server that fails, a disk that stumbles or a connection that ends says nothing of the object, and whoever
 * gave it up for that would delete what is whole.
 */
import { AppError, IntegrityError } from "../errors.ts";

export function isDamage(error: unknown): error is AppError {
  return error instanceof IntegrityError ||
    (error instanceof AppError && error.code === "Repository.ObjectNotFound");
}
