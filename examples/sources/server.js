'use strict';
const { setTimeout: sleep } = require('node:timers/promises');
class PaymentError extends Error { constructor(m, o) { super(m, o); this.name = 'PaymentError'; this.code = 'E_PAYMENT'; } }
const stamp = () => new Date().toISOString();
function loadCart(id) { const carts = { 7: { items: [{ sku: 'mug', price: 12 }] } }; return carts[id]; }
function total(cart) { return cart.items.reduce((sum, item) => sum + item.price, 0); }
async function charge(cart) {
  try { await fetch('http://127.0.0.1:4010/v1/charges', { method: 'POST', body: JSON.stringify(cart) }); }
  catch (error) { throw new PaymentError('charge refused for cart 7', { cause: error }); }
}
async function main() {
  console.log(`${stamp()} shop listening on 3000`);
  console.log(`${stamp()} GET /cart/7 200 4ms`);
  try { await charge(loadCart(7)); }
  catch (error) { console.error(`${stamp()} ERROR payment failed, will retry:`, error); }
  await sleep(20);
  console.log(`${stamp()} GET /cart/8`);
  setTimeout(function checkout() { total(loadCart(8)); }, 5);
}
main();
